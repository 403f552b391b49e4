SELECT count(*) AS n, sum(i) AS i, min(character_length(x)) > 65000 AS is_long FROM d.t
