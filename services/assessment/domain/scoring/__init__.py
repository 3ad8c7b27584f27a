"""考核得分: the indicator language as data, and what it comes to for a chain (domain: "Scores and incentives")."""
