"""What can be done with stored studies besides reading them; none of it changes one."""
