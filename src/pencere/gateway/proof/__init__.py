"""What proves an exchange: kept while it can be had, put together when somebody asks."""
