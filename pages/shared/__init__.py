"""What the pages share: frame, services, state, controls, charts and cards."""
