SELECT s, n, "at", CAST("date" AS VARCHAR) AS "day" FROM d.t
