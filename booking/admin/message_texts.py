"""The clinic's own texts in e-mails and text messages: which there are, their form, a preview and a test."""

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse

from booking.access.rate_limits import counter
from booking.domain.message_texts import send_test
from booking.integrations.message_samples import make_sample_email, make_sample_sms
from booking.integrations.sms.gsm import count_parts, simplify
from booking.models import MessageKind, MessageText, get_branding
from booking.models.message_texts import list_placeholders
from patients.fields import EmailFormField
from patients.text import validate_printable
from scheduling.lib.edit_conflicts import EditConflictMixin

MAX_TESTS_PER_MINUTE = 5  # of a member of staff
# The e-mail has its styles in its tags. It is shown in a frame without any rights.
PREVIEW_POLICY = "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
WHERE = {
    "subject": "The line in the list of mails.",
    "opening": "What comes after the greeting.",
    "closing": "What comes after everything else.",
    "sign_off": "The last lines, such as your names.",
}


def get_languages():
    """Return the languages of patients, as pairs of code and name."""
    names = dict(settings.LANGUAGES)
    return [(code, names[code]) for code in settings.PATIENT_LANGUAGES]


class MessageTextForm(forms.ModelForm):
    """A text. Kind and language are chosen on the list, and do not change."""

    kind = forms.ChoiceField(choices=MessageKind.choices, widget=forms.HiddenInput)
    language = forms.ChoiceField(choices=get_languages, widget=forms.HiddenInput)

    class Meta:
        model = MessageText
        fields = ["kind", "language", *MessageText.PARTS]
        widgets = {
            "subject": forms.TextInput({"class": "vTextField"}),
            "opening": forms.Textarea({"rows": 6, "class": "vLargeTextField"}),
            "closing": forms.Textarea({"rows": 6, "class": "vLargeTextField"}),
            "sign_off": forms.Textarea({"rows": 3, "class": "vLargeTextField"}),
        }

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            self.fields["kind"].disabled = self.fields["language"].disabled = True
        kind, language = (str(self[name].value() or "") for name in ("kind", "language"))
        if kind not in MessageKind.values or language not in settings.PATIENT_LANGUAGES:
            return
        usual = get_usual_words(kind, language)
        if kind.startswith("sms."):
            self.fields["opening"].label = "Text"
        for part in MessageText.PARTS:
            if part in self.fields:
                self.fields[part].help_text = describe_part(kind, part, usual)


def get_usual_words(kind, language):
    """Return the usual words of those parts of a message that always have some."""
    text = MessageText(kind=kind, language=language)
    if text.is_sms:
        return {"opening": make_sample_sms(text)}
    mail = make_sample_email(text)
    paragraphs = str(mail.body).split("\n\n")
    return {"subject": mail.subject, "opening": paragraphs[1], "sign_off": get_branding().name}


def describe_part(kind, part, usual):
    """Return the help for a part: where it stands, what is usual, and which placeholders it may have."""
    sentences = [] if kind.startswith("sms.") else [WHERE[part]]
    if part in usual:
        sentences.append(f"Usually: “{usual[part].rstrip('.')}”.")
    names = list_placeholders(kind, part)
    if names:
        sentences.append(f"Placeholders: {', '.join(f'{{{name}}}' for name in names)}.")
    if part != "subject" and "patient" in names:
        sentences.append(
            "A paragraph with {patient} is left out where nobody has confirmed the e-mail address: anybody may have "
            "typed it."
        )
    return " ".join(sentences)


class TestForm(forms.Form):
    """Where a test goes."""

    test_address = EmailFormField(
        error_messages={"required": "Type the address that the test goes to."},
        validators=[validate_printable],
    )


@admin.register(MessageText)
class MessageTextAdmin(EditConflictMixin, admin.ModelAdmin):
    form = MessageTextForm
    change_form_template = "admin/booking/messagetext/change_form.html"

    def get_urls(self):
        view = self.admin_site.admin_view
        return [
            path("preview/", view(self.preview_view), name="booking_messagetext_preview_new"),
            path("test/", view(self.test_view), name="booking_messagetext_test_new"),
            path("<int:pk>/preview/", view(self.preview_view), name="booking_messagetext_preview"),
            path("<int:pk>/test/", view(self.test_view), name="booking_messagetext_test"),
            *super().get_urls(),
        ]

    # The list: every message, with the clinic's own words or the usual ones

    def changelist_view(self, request, extra_context=None):
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        own = {(text.kind, text.language): text for text in MessageText.objects.all()}
        languages = get_languages()
        rows = [
            (label, [self._describe_cell(request, own.get((kind, code)), kind, code) for code, _ in languages])
            for kind, label in MessageKind.choices
        ]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Texts to patients",
            "languages": [name for _, name in languages],
            "rows": rows,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/booking/messagetext/change_list.html", context)

    def _describe_cell(self, request, text, kind, language):
        """Return what a text is called in the list, and the address of its page, if there is one for this reader."""
        if text:
            return "Your own words", reverse("admin:booking_messagetext_change", args=[text.pk])
        may_add = self.has_add_permission(request)
        query = {"kind": kind, "language": language}
        return "The usual words", reverse("admin:booking_messagetext_add", query=query) if may_add else ""

    # The page

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        given = request.POST if request.method == "POST" else request.GET
        text = MessageText(kind=given.get("kind", ""), language=given.get("language", ""))
        if object_id is None and not self._is_known(text):
            return HttpResponseRedirect(reverse("admin:booking_messagetext_changelist"))
        saved = object_id and self.get_object(request, unquote(object_id))
        suffix, arguments = ("", [saved.pk]) if saved else ("_new", [])
        names = {name: f"admin:booking_messagetext_{name}{suffix}" for name in ("preview", "test")}
        context = {
            "title": str(saved or text),
            "pages": {name: reverse(page, args=arguments) for name, page in names.items()},
            "may_try": self._may_write(request),
            "may_test": not (saved or text).is_sms,
        }
        return super().changeform_view(request, object_id, form_url, context | (extra_context or {}))

    def get_fields(self, request, obj=None):
        given = request.POST if request.method == "POST" else request.GET
        text = obj or MessageText(kind=given.get("kind", ""))
        return ["kind", "language", *text.parts]

    @staticmethod
    def _is_known(text):
        return text.kind in MessageKind.values and text.language in settings.PATIENT_LANGUAGES

    def _may_write(self, request):
        return self.has_add_permission(request) or self.has_change_permission(request)

    # Trying it: in a window of its own, so that nothing typed is lost

    def preview_view(self, request, pk=None):
        """Show the e-mail that a draft would be, or for a GET the one that the saved text is."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return self._render_preview(request, get_object_or_404(MessageText, pk=pk))
        if not self._may_write(request):
            raise PermissionDenied
        form = self._read_draft(request, pk)
        return self._render_preview(request, form.instance) if form.is_valid() else self._refuse(request, form)

    def test_view(self, request, pk=None):
        """Send a draft to the address that was typed."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self._may_write(request):
            raise PermissionDenied
        form, where = self._read_draft(request, pk), TestForm(request.POST)
        if not form.is_valid() or not where.is_valid():
            return self._refuse(request, form, where)
        if form.instance.is_sms:
            raise Http404
        usage = counter().count("message-tests", f"staff:{request.user.pk}", MAX_TESTS_PER_MINUTE)
        if usage and usage.is_exceeded:
            sentence = f"{MAX_TESTS_PER_MINUTE} tests a minute are enough. Try again in {usage.resets_in} seconds."
            return self._say(request, "Nothing was sent", [sentence], status=429)
        address = where.cleaned_data["test_address"]
        send_test(form.instance, address=address)
        return self._say(request, "A test is on its way", [f"It goes to {address} and says that it is a test."])

    def _read_draft(self, request, pk):
        instance = get_object_or_404(MessageText, pk=pk) if pk else None
        form = MessageTextForm(request.POST, instance=instance)
        if pk is None and not {"kind", "language"} <= request.POST.keys():
            raise Http404
        return form

    def _render_preview(self, request, text):
        if text.is_sms:
            sms = simplify(make_sample_sms(text))
            context = {"text": text, "sms": sms, "messages": count_parts(sms)}
        else:
            mail = make_sample_email(text)
            context = {"text": text, "mail": mail, "html": mail.alternatives[0][0]}
        response = TemplateResponse(request, "admin/booking/messagetext/preview.html", context)
        response["Content-Security-Policy"] = PREVIEW_POLICY
        return response

    def _refuse(self, request, *forms):
        sentences = [error for form in forms for errors in form.errors.values() for error in errors]
        return self._say(request, "This cannot be sent like that", sentences, status=422)

    def _say(self, request, title, sentences, *, status=200):
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, "sentences": sentences}
        return TemplateResponse(request, "admin/booking/messagetext/said.html", context, status=status)
