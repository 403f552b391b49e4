SELECT replace(s, chr(1), '_') AS s FROM d.t
