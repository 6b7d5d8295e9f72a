"""``mmfld demo``: landmarks in the browser; Gradio is needed by ``uploads``, ``handlers`` and ``page`` alone."""
