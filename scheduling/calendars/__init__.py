"""Clinicians' calendars elsewhere: when do they say that somebody is busy?"""
