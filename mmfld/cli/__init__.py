"""The command ``mmfld``: thin over what is there."""
