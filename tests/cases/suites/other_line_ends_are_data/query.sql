SELECT character_length(a) AS a, character_length(b) AS b FROM d.t
