SELECT "date", "at", CAST("_date" AS VARCHAR) AS "day" FROM d.t ORDER BY "at"
