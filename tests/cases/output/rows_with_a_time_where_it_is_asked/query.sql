SELECT time FROM d.t
