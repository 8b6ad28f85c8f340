"""Run a stand-in for another system that must acknowledge appointments: to try a provider out."""

from django.core.management.base import BaseCommand, CommandError

from booking.models import Provider
from booking.providers.stand_in import BEHAVIOURS, MIXED, StandIn


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser):
        parser.add_argument("provider", help="The slug of the provider it stands in for.")
        parser.add_argument("--port", type=int, default=8300)
        parser.add_argument("--behaviour", choices=[*BEHAVIOURS, MIXED], default="answers")
        parser.add_argument("--speed", type=float, default=1.0, help="10: all its delays are a tenth.")

    def handle(self, *, provider, port, behaviour, speed, **options):
        found = Provider.objects.filter(slug=provider, kind=Provider.Kind.UPSTREAM).first()
        if found is None:
            raise CommandError(f"There is no provider {provider} that is another system. Add one in admin.")
        server = StandIn(secret=found.secret, port=port, behaviour=behaviour, speed=speed, say=self.say)
        self.say(f"{found} is at {server.url} and {behaviour}.")
        if found.url.rstrip("/") != server.url:
            self.say("The provider has another address: nobody will ask here.")
        self.say(
            f"PRIVATE_HOSTS must name {server.url.removeprefix('http://')}, because it is not on the public "
            f"internet, and SITE_URL this site, so that answers find their way.\n"
            f"""Change it: curl {server.url}/behaviour --data '{{"behaviour": "slow"}}'"""
        )
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            self.say("Ended.")

    def say(self, line):
        self.stdout.write(line)
        self.stdout.flush()
