-- What an act of the registration authority is the basis of is found by the act.
create index on trust.remote_enrolment (proof) where basis = 'act';
-- A certificate asks whether its key is in a phone.
create index on trust.device (authentication_serial);
create index on trust.device (signature_serial);
