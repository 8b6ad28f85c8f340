"""Who is this person, how may the clinic reach them, and what did they agree to?"""
