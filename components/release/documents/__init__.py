"""A run's own files and people's statements to documents: card, dataset sheets, checklists, change record."""
