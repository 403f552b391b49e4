SELECT k, isnan(d) AS is_nan, d = '-Infinity' AS is_minus FROM d.t
