SELECT id, t IS NOT NULL AS has_time FROM d.t
