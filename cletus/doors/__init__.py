"""How people come in: one package for each kind of connection, each making clients of them."""
