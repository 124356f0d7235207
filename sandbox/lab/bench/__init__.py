"""What a refresh and a checkpoint cost, beside what others need for the same database on the same machine."""
