"""When could a clinician be seen, and is that time taken?"""
