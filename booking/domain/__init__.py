"""What a person does with time: the verbs of holds, appointments and orders, each one function and one transaction."""
