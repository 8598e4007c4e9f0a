"""The grammar of hosts, repository names and User-Agents."""
