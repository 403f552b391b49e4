SELECT * FROM d.t ORDER BY "order", sku
