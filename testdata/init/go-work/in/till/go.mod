module example.com/till
