"""Synthetic material to try the platform with. Everything in it is invented and labelled 示例."""
