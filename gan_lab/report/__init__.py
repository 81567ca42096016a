"""One page about many runs, made from nothing but the files in their folders."""
