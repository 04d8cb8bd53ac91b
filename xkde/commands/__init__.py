"""The commands of ``python -m xkde``, one module each: add_arguments() and run()."""
