"""招商: visits, promotion events, agreements, leads, contacts (S11, S13)."""
