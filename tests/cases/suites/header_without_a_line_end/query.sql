SELECT count(*) AS n FROM d.t
