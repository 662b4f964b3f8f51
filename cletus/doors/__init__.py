"""How people come in. Each door is a folder of its own; all of them make clients."""
