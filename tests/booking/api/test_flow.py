import json, pytest
from datetime import timedelta
from booking.keys import create_key
from booking.models import ApiKey

@pytest.fixture
def key(db):
    return create_key(name="server", kind="secret", scopes=ApiKey.Scope.values)[1]

@pytest.fixture
def api(client, key):
    def call(method, path, body=None, **headers):
        kw={} 
        if body is not None: kw=dict(data=json.dumps(body), content_type="application/json")
        r=getattr(client,method)("/api/v1"+path, headers={"Authorization":f"Bearer {key}", **headers}, **kw)
        print(method, path, r.status_code, {k:v for k,v in r.headers.items() if k in("ETag","RateLimit","Location","Retry-After","Idempotent-Replayed")}, r.content[:1500].decode())
        return r
    return call

def test_flow(api, dana, consultation, harbour, at, day):
    api("get","/me"); api("get","/appointment-types"); api("get","/clinicians"); api("get",f"/locations/{harbour.pk}")
    q=f"appointment_type_id={consultation.pk}&start_date={day}&end_date={day}"
    r=api("get",f"/availability?{q}"); slots=r.json()["data"]
    api("get",f"/availability/days?{q}"); api("get",f"/availability/next?appointment_type_id={consultation.pk}")
    import urllib.parse
    s=slots[0]
    api("get",f"/availability/explain?appointment_type_id={consultation.pk}&start_time={urllib.parse.quote(s['start_time'])}")
    d,t=s["start_time"].split("T")
    body={"appointment_type_id":str(consultation.pk),"clinician_id":s["clinician_id"],"location_id":s["location_id"],"date":d,"start_time":t[:5]}
    h=api("post","/holds",body); assert h.status_code==201
    assert api("post","/holds",body).status_code==409
    hid=h.json()["data"]["id"]
    api("post",f"/holds/{hid}/extend")
    api("post",f"/holds/{hid}/move",{"booking_key":slots[3]["booking_key"]})
    api("get",f"/holds/{hid}")
    p=api("post","/patients",{"first_name":"Alice","last_name":"Archer","date_of_birth":"1985-04-12","email":"Alice@example.org","phone":"020 7946 0000"})
    assert p.status_code==201
    assert api("post","/patients",{"first_name":"Alice","last_name":"Archer","date_of_birth":"1985-04-12","email":"alice@example.org"}).status_code==409
    api("get","/patients?search=alice archer&limit=5")
    pid=p.json()["data"]["id"]
    api("patch",f"/patients/{pid}",{"phone":"+442079460001"}, **{"If-Match":p["ETag"]})
    api("patch",f"/patients/{pid}",{"phone":"+442079460001"}, **{"If-Match":p["ETag"]})
    a=api("post",f"/holds/{hid}/confirm",{"patient_id":pid,"attendee_name":"A A","attendee_email":"a@example.org","attendee_phone":"x"}, **{"Idempotency-Key":"k1"})
    assert a.status_code==201
    api("post",f"/holds/{hid}/confirm",{"patient_id":pid,"attendee_name":"A A","attendee_email":"a@example.org","attendee_phone":"x"}, **{"Idempotency-Key":"k1"})
    api("post",f"/holds/{hid}/confirm",{"patient_id":pid}, **{"Idempotency-Key":"k1"})
    api("post",f"/holds/{hid}/confirm",{"patient_id":pid})
    api("get","/appointments?limit=1")
    d2=api("post","/appointments",{"booking_key":slots[5]["booking_key"],"patient":{"first_name":"Bob","last_name":"B","date_of_birth":"1990-01-01","email":"b@example.org"}})
    aid=d2.json()["data"]["id"]
    c=api("get","/appointments?limit=1").json()["meta"]["next_cursor"]
    api("get",f"/appointments?limit=1&cursor={c}")
    api("post",f"/appointments/{aid}/reschedule",{"start_time":slots[6]["start_time"]})
    api("post",f"/appointments/{aid}/cancel",{"reason":"other"})
    api("post",f"/appointments/{aid}/arrive")
    api("get","/nothing"); api("put","/me"); api("get","/me?x=1"); api("post","/holds",{"a":1}); api("post","/appointments",{"a":1})
