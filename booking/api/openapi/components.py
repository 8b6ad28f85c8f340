"""Schemas that stand once in the document, under a name: clients in typed languages have a type for each."""

from drf_spectacular.plumbing import ResolvedComponent


def share(registry, name, content, *, kind=ResolvedComponent.SCHEMA):
    """Return a reference to the component of that name.

    Raise ValueError if it has other members already; of two descriptions the first is kept.
    """
    component = ResolvedComponent(name, kind, content, object=name)
    registry.register_on_missing(component)
    if registry[component].schema.get("properties") != content.get("properties"):
        raise ValueError(f"Two different things are called {name} in the OpenAPI document.")
    return component.ref


def choose(title, references):
    """Return the schema of what is one of several; of one alone the reference to it."""
    return {"title": title, "oneOf": references} if references[1:] else references[0]


def an_object(properties):
    """Return the schema of an object that has all of these members."""
    return {"type": "object", "properties": properties, "required": list(properties)}
