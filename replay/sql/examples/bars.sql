-- What were the one-minute bars of an instrument?
SELECT * FROM bars('BTCUSDT.BINANCE', '1 minute')
