"""What people of the consortium do by their own keys: admit participants, record deposits, publish tariffs, stake."""
