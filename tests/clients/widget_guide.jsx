// A page of another site that books as the widget guide's does: the same requests in the same order, and the same
// members read of their answers. BASE and KEY are put in when it is built.
import { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';

async function call(path, body) {
  const answer = await fetch(BASE + path, {
    method: body ? 'POST' : 'GET',
    headers: { Authorization: `Bearer ${KEY}`, 'Content-Type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  if (!answer.ok) throw Object.assign(new Error(path), { status: answer.status });
  return (await answer.json()).data;
}

const inDays = (days) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
const dayOf = (slot) => slot.start_time.split('T')[0];
const timeOf = (slot) => slot.start_time.split('T')[1].slice(0, 5);

function Services({ choose }) {
  const [services, setServices] = useState([]);
  useEffect(() => void call('/appointment-types').then(setServices), []);
  return services
    .filter((service) => service.is_active && service.allow_online_booking)
    .map((service) => (
      <button key={service.id} onClick={() => choose(service)}>
        {service.name}, {service.duration_minutes} minutes, £{service.price.toFixed(2)}
      </button>
    ));
}

function Times({ service, choose }) {
  const [slots, setSlots] = useState([]);
  const [day, setDay] = useState();
  const [isRemote, setRemote] = useState(false);
  useEffect(() => {
    const range = { appointment_type_id: service.id, start_date: inDays(0), end_date: inDays(14) };
    const query = new URLSearchParams(isRemote ? { ...range, is_remote: true } : range);
    call(`/availability?${query}`).then(setSlots);
  }, [service.id, isRemote]);
  return (
    <>
      <label><input type="checkbox" checked={isRemote} onChange={(event) => setRemote(event.target.checked)} /> By video</label>
      <nav>{[...new Set(slots.map(dayOf))].map((each) => <button key={each} onClick={() => setDay(each)}>{each}</button>)}</nav>
      {slots.filter((slot) => dayOf(slot) === day).map((slot) => (
        <button key={slot.start_time + slot.clinician_id} onClick={() => choose(slot)}>
          {timeOf(slot)} {slot.clinician_name}{slot.is_remote && ', by video'}
        </button>
      ))}
    </>
  );
}

function Countdown({ until, onEnd }) {
  const left = () => Math.max(0, Math.floor((new Date(until) - Date.now()) / 1000));
  const [seconds, setSeconds] = useState(left);
  useEffect(() => {
    const timer = setInterval(() => (left() ? setSeconds(left()) : onEnd()), 1000);
    return () => clearInterval(timer);
  }, [until]);
  return <p role="timer">{Math.floor(seconds / 60)}:{String(seconds % 60).padStart(2, '0')}</p>;
}

const QUESTIONS = { first_name: 'text', last_name: 'text', date_of_birth: 'date', email: 'email', phone: 'tel' };

function Details({ submit }) {
  const [person, setPerson] = useState({});
  const [found, setFound] = useState([]);
  const { first_name: first = '', last_name: last = '' } = person;
  useEffect(() => {
    if (first.length > 1 && last.length > 1) {
      call(`/patients?search=${encodeURIComponent(`${first} ${last}`)}&limit=5`).then(setFound);
    }
  }, [first, last]);
  const send = async (event) => {
    event.preventDefault();
    const patient = await call('/patients', person);
    submit(patient.id, person);
  };
  return (
    <form onSubmit={send}>
      {Object.entries(QUESTIONS).map(([name, type]) => (
        <input key={name} type={type} aria-label={name} required={name !== 'phone'}
          onChange={(event) => setPerson({ ...person, [name]: event.target.value })} />
      ))}
      <output>{found.length} found</output>
      {found.map((each) => <p key={each.id}>{each.first_name} {each.last_name}, {each.date_of_birth}</p>)}
      <button>Book</button>
    </form>
  );
}

function Page() {
  const [service, setService] = useState();
  const [hold, setHold] = useState();
  const [appointment, setAppointment] = useState();
  const [notice, setNotice] = useState('');
  const expire = () => (setHold(), setNotice('It has expired.'));

  const place = async (slot) => {
    try {
      const { clinician_id, location_id } = slot;
      const opening = { clinician_id, location_id, date: dayOf(slot), start_time: timeOf(slot) };
      setHold(await call('/holds', { appointment_type_id: service.id, ...opening }));
      setNotice('');
    } catch (error) {
      setNotice(error.status === 409 ? 'It was just taken.' : 'It cannot be held.');
    }
  };
  const confirm = async (id, { first_name, last_name, email, phone }) => {
    const attendee = { attendee_name: `${first_name} ${last_name}`, attendee_email: email, attendee_phone: phone };
    try {
      setAppointment(await call(`/holds/${hold.id}/confirm`, { patient_id: id, ...attendee }));
    } catch (error) {
      error.status === 404 ? expire() : setNotice('It cannot be booked.');
    }
  };

  if (appointment) return <h1>{appointment.status}: {appointment.reference}</h1>;
  return (
    <>
      <p role="alert">{notice}</p>
      {!service && <Services choose={setService} />}
      {service && !hold && <Times service={service} choose={place} />}
      {hold && <><Countdown until={hold.expires_at} onEnd={expire} /><Details submit={confirm} /></>}
    </>
  );
}

createRoot(document.getElementById('page')).render(<Page />);
