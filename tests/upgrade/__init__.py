"""An upgrade as it is done: the code of before and the code of now side by side over one database and one store, under load."""
