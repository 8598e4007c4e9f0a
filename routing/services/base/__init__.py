"""What every verb uses: the actor, permissions, quotas, the unit of work, its errors."""
