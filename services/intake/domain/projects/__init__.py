"""Projects: their stages, timetables, particulars, reports, support, evidence and corrections (S7, S9, S12, S14)."""
