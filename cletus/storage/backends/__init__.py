"""Where documents are kept: folders of JSON files, memory, and what others register."""
