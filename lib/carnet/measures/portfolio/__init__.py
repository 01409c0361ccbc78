"""Who the customers are, how concentrated, who moved."""
