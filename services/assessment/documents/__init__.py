"""Documents of supervision as .docx: forms that an office may replace by its own, and what fills them in."""
