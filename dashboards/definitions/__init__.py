"""The dashboards: each panel is titled by the question that it answers."""
