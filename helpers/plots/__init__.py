"""Every figure of the series: numpy and matplotlib only. Functions draw; they never show, save or print."""
