SELECT count(*) AS n FROM d.t WHERE s = 'a'
