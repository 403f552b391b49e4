SELECT character_length(a) AS n, b FROM d.t
