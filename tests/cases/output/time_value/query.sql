SELECT s, time, CAST("date" AS VARCHAR) AS "day" FROM d.t
