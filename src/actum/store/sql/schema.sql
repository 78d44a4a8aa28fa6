-- The whole schema, for readers. Nothing runs this file: databases are made by the numbered files in `migrations`, and
-- `tests/store/test_migrations.py` proves that they make exactly this.
--
--   workflows    one row for each durable instance of a contract; start_keys outlive them
--   events       the append-only log, hash-chained for each workflow; snapshots are its payloads
--   effects      the ledger: one entry for each operation key and generation
--   approvals    what people are asked to permit; decisions are what was ruled
--   policies     the rules; freezes are the kill switch
--   questions    what people are asked to answer
--   messages     what outsiders leave for a workflow, each received once
--   contracts    registered documents; workers are the processes that serve them
--   migrations   what was applied

create schema actum;

create table actum.migrations (
    number     integer primary key,
    name       text not null,
    checksum   text not null,
    applied_at timestamptz not null default now()
);

create table actum.workflows (
    id             uuid primary key,
    contract       text not null,
    key            text,
    shape_hash     bytea not null,
    document_hash  bytea not null,
    changes        text[] not null default '{}',
    team           text,
    origin         uuid not null,
    requester      text,
    queue          text not null default 'default',
    priority       smallint not null default 0,
    parent         uuid,
    parent_address text,
    salt           bytea,
    tags           jsonb not null default '{}',
    deadline       timestamptz,
    created_at     timestamptz not null default now(),
    instance       uuid,
    epoch          integer not null default 0,
    wake           integer not null default 0,
    run_at         timestamptz not null default now(),
    crash_count    integer not null default 0,
    python         text,
    updated_at     timestamptz not null default now(),
    next_seq       integer not null,
    chain_head     bytea not null,
    attempt_count  integer not null default 0,
    status         text not null default 'pending',
    cause          text,
    current_step   text,
    finished_at    timestamptz
) with (fillfactor = 80);

-- The only two indexes over columns that change while a workflow lives: a flush touches neither.
create index workflows_ready on actum.workflows (queue, run_at) where instance is null and finished_at is null;
create index workflows_owned on actum.workflows (instance) where instance is not null;
create index workflows_contract on actum.workflows (contract, id);

create table actum.start_keys (
    contract    text not null,
    key         text not null,
    workflow_id uuid not null,
    input_hash  bytea not null,
    created_at  timestamptz not null default now(),
    primary key (contract, key)
);

create table actum.events (
    workflow_id   uuid not null,
    seq           integer not null,
    at            timestamptz not null,
    kind          text not null,
    step          text,
    address       text,
    attempt       integer,
    outcome       text,
    reason        text,
    actor         text,
    contract      text not null,
    team          text,
    tier          smallint,
    current_step  text,
    attempt_count integer not null default 0,
    payload_hash  bytea,
    data          text,
    hash          bytea not null,
    xid           xid8 not null default pg_current_xact_id(),
    primary key (workflow_id, seq)
) partition by range (workflow_id);

create table actum.snapshots (
    workflow_id   uuid not null,
    seq           integer not null,
    kind          text not null,
    argument_hash bytea,
    codec         smallint not null default 1,
    body          bytea,
    primary key (workflow_id, seq)
) partition by range (workflow_id);

create table actum.effects (
    kind          text not null,
    key           text not null,
    generation    integer not null default 1,
    origin        uuid not null,
    workflow_id   uuid not null,
    address       text not null,
    step          text not null,
    argument_hash bytea not null,
    arguments     bytea not null,
    state         text not null,
    tier          smallint not null,
    approval_id   uuid,
    policy_hash   bytea,
    attempt       integer not null default 1,
    started_at    timestamptz not null,
    ended_at      timestamptz,
    result        bytea,
    holders       uuid[] not null default '{}',
    primary key (kind, key, generation)
);
create index effects_workflow on actum.effects (workflow_id);

create table actum.approvals (
    id            uuid primary key,
    workflow_id   uuid not null,
    address       text not null,
    asked_by      text,
    step          text not null,
    kind          text not null,
    key           text not null,
    action_hash   bytea not null,
    arguments     bytea not null,
    preview       text,
    relies_on     text,
    tier          smallint not null,
    rule          text not null,
    policy_hash   bytea,
    contract      text not null,
    team          text,
    requester     text,
    approvers     text[] not null,
    batch_id      uuid,
    asked_at      timestamptz not null default now(),
    expires_at    timestamptz,
    ruling        text check (ruling in ('approved', 'rejected')),
    ruled_at      timestamptz,
    ruled_by      text,
    rationale     text,
    closed        text check (closed in ('withdrawn', 'superseded', 'expired', 'stale', 'revoked')),
    closed_at     timestamptz,
    used_at       timestamptz,
    used_epoch    integer,
    state         text generated always as (
        case
            when used_at is not null then 'used'
            when closed is not null then closed
            when ruling is not null then ruling
            else 'pending'
        end
    ) stored
);
create index approvals_pending on actum.approvals (asked_at) where ruling is null and closed is null;
create index approvals_workflow on actum.approvals (workflow_id);

create table actum.decisions (
    id          bigint generated always as identity primary key,
    workflow_id uuid not null,
    address     text not null,
    approval_id uuid,
    kind        text not null,
    contract    text not null,
    team        text,
    tier        smallint not null,
    ruling      text not null,
    rule        text not null,
    actor       text not null,
    rationale   text,
    facts       text,
    policy_hash bytea,
    action_hash bytea,
    decided_at  timestamptz not null default now()
);
create index decisions_workflow on actum.decisions (workflow_id);

create table actum.policies (
    hash         bytea primary key,
    name         text not null,
    body         text not null,
    registered_at timestamptz not null default now(),
    registered_by text,
    activated_at timestamptz,
    retired_at   timestamptz
);

create table actum.freezes (
    id         uuid primary key,
    scope      text not null check (scope in ('everything', 'contract', 'kind', 'environment')),
    subject    text,
    mode       text not null check (mode in ('deny', 'force_tier_2', 'hold_starts')),
    actor      text not null,
    reason     text not null,
    created_at timestamptz not null default now(),
    ended_at   timestamptz
);

create table actum.questions (
    workflow_id uuid not null,
    address     text not null,
    question    text not null,
    schema      text not null,
    addressee   text,
    contract    text not null,
    team        text,
    asked_at    timestamptz not null default now(),
    answered_at timestamptz,
    answered_by text,
    closed_at   timestamptz,
    primary key (workflow_id, address)
);
create index questions_open on actum.questions (asked_at) where answered_at is null and closed_at is null;

-- What outsiders leave for a workflow: signals, requests, decisions, answers, the ends of its children.
-- The holder receives each once: its event and `received` are written by the same statement.
create table actum.messages (
    id          bigint generated always as identity primary key,
    workflow_id uuid not null,
    kind        text not null,
    name        text,
    address     text,
    outcome     text,
    body        bytea,
    actor       text not null,
    reason      text,
    sent_at     timestamptz not null default now(),
    received    boolean not null default false
);
create index messages_open on actum.messages (workflow_id) where not received;

create table actum.contracts (
    contract      text not null,
    document_hash bytea not null,
    shape_hash    bytea not null,
    shape         integer not null,
    document      text not null,
    team          text,
    registered_at timestamptz not null default now(),
    primary key (contract, document_hash)
);

create table actum.workers (
    instance      uuid primary key,
    name          text not null,
    machine       text not null,
    pid           integer not null,
    pid_started   text not null,
    python        text not null,
    version       text not null,
    contracts     text[] not null,
    queues        text[] not null,
    shapes        bytea[] not null,
    concurrency   integer not null,
    lease         interval not null,
    started_at    timestamptz not null default now(),
    heartbeat_at  timestamptz not null default now(),
    stopped_at    timestamptz,
    stop_reason   text
);

-- Weeks: events and snapshots are partitioned by the week in a UUIDv7 workflow id.
create function actum.week_bound(week timestamptz) returns uuid
language sql immutable strict parallel safe as $$
    select (lpad(to_hex((extract(epoch from week) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

create function actum.make_weeks(around timestamptz, ahead integer) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    week timestamptz;
    stem text;
    made integer := 0;
begin
    for step in -1 .. ahead loop
        week := date_trunc('week', around at time zone 'UTC') at time zone 'UTC' + make_interval(days => 7 * step);
        stem := to_char(week at time zone 'UTC', 'IYYY"w"IW');
        if to_regclass('actum.events_' || stem) is null then
            perform pg_advisory_xact_lock(hashtext('actum.make_weeks'));
            execute format('create table if not exists actum.%I partition of actum.events for values from (%L) to (%L)',
                           'events_' || stem, actum.week_bound(week), actum.week_bound(week + interval '7 days'));
            execute format('create table if not exists actum.%I partition of actum.snapshots for values from (%L) to (%L)',
                           'snapshots_' || stem, actum.week_bound(week), actum.week_bound(week + interval '7 days'));
            made := made + 1;
        end if;
    end loop;
    return made;
end
$$;
select actum.make_weeks(now(), 4);

-- A document is registered once; a shape gets its number when it first registers.
create function actum.register_contract(
    a_contract text, a_document_hash bytea, a_shape_hash bytea, a_document text, a_team text
) returns table (shape_hash bytea, shape integer, is_new boolean)
language plpgsql as $$
declare
    number integer;
    fresh boolean := false;
begin
    perform pg_advisory_xact_lock(hashtext('actum.contracts:' || a_contract));
    select c.shape into number from actum.contracts c
     where c.contract = a_contract and c.shape_hash = a_shape_hash limit 1;
    if number is null then
        select coalesce(max(c.shape), 0) + 1 into number from actum.contracts c where c.contract = a_contract;
        fresh := true;
    end if;
    insert into actum.contracts (contract, document_hash, shape_hash, shape, document, team)
    values (a_contract, a_document_hash, a_shape_hash, number, a_document, a_team)
    on conflict do nothing;
    return query
        select distinct c.shape_hash, c.shape, fresh from actum.contracts c
         where c.contract = a_contract and c.shape <= number;
end
$$;

-- The only way an approval is decided. Locks workflow, then approval; reads the clock after both locks.
-- A repeated decision by the same person returns the first answer. `answer` is one of
-- decided | repeated | not_found | not_pending | expired | stale_card | self_approval.
create function actum.decide_approval(
    an_approval uuid, a_ruling text, an_actor text, a_rationale text, a_seen_hash bytea, a_now timestamptz
) returns table (answer text, state text, workflow_id uuid, ruled_by text, detail text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    owner uuid;
    approval actum.approvals%rowtype;
    instant timestamptz;
begin
    select a.workflow_id into owner from actum.approvals a where a.id = an_approval;
    if owner is null then
        return query select 'not_found', null::text, null::uuid, null::text, null::text;
        return;
    end if;
    perform 1 from actum.workflows w where w.id = owner for update;
    select * into approval from actum.approvals a where a.id = an_approval for update;
    instant := coalesce(a_now, clock_timestamp());
    if approval.ruling is not null then
        return query select case when approval.ruled_by = an_actor and approval.ruling = a_ruling then 'repeated' else 'not_pending' end,
                            approval.state, owner, approval.ruled_by, approval.rationale;
        return;
    end if;
    if approval.closed is not null then
        return query select 'not_pending', approval.state, owner, null::text, null::text;
        return;
    end if;
    if approval.expires_at is not null and approval.expires_at <= instant then
        return query select 'expired', approval.state, owner, null::text, approval.expires_at::text;
        return;
    end if;
    if a_seen_hash is not null and a_seen_hash <> approval.action_hash then
        return query select 'stale_card', approval.state, owner, null::text, null::text;
        return;
    end if;
    if a_ruling = 'approved' and lower(approval.requester) = lower(an_actor) then
        return query select 'self_approval', approval.state, owner, null::text, approval.requester;
        return;
    end if;
    update actum.approvals a
       set ruling = a_ruling, ruled_at = instant, ruled_by = an_actor, rationale = a_rationale
     where a.id = an_approval;
    insert into actum.decisions (workflow_id, address, approval_id, kind, contract, team, tier, ruling, rule, actor,
                                 rationale, facts, policy_hash, action_hash, decided_at)
    values (owner, approval.address, approval.id, approval.kind, approval.contract, approval.team, approval.tier,
            a_ruling, approval.rule, an_actor, a_rationale, approval.preview, approval.policy_hash,
            approval.action_hash, instant);
    insert into actum.messages (workflow_id, kind, name, address, outcome, body, actor, reason, sent_at)
    values (owner, 'decision', approval.id::text, approval.address, a_ruling, null, an_actor, a_rationale, instant);
    update actum.workflows w
       set wake = w.wake + 1, run_at = least(w.run_at, instant)
     where w.id = owner;
    return query select 'decided', a_ruling, owner, an_actor, null::text;
end
$$;

-- Roles. They belong to the server, so another database may have made them already.
do $$
declare
    name text;
begin
    foreach name in array array['actum_owner', 'actum_worker', 'actum_console', 'actum_reader'] loop
        begin
            if not exists (select from pg_roles where rolname = name) then
                execute format('create role %I nologin', name);
            end if;
        exception
            when duplicate_object or unique_violation then null;
            when insufficient_privilege then raise notice 'role % is not made: this account may not create roles', name;
        end;
    end loop;
    if (select count(*) from pg_roles where rolname in ('actum_owner', 'actum_worker', 'actum_console', 'actum_reader')) = 4 then
        grant usage on schema actum to actum_owner, actum_worker, actum_console, actum_reader;
        grant select on all tables in schema actum to actum_worker, actum_console, actum_reader;
        revoke execute on function actum.decide_approval from public;
        revoke execute on function actum.make_weeks from public;
        grant all on all tables in schema actum to actum_owner;
        grant execute on all functions in schema actum to actum_owner;

        -- A worker runs workflows; it cannot decide, and it cannot edit what is append-only.
        grant insert, update on actum.workflows, actum.workers, actum.contracts, actum.effects, actum.messages,
              actum.questions to actum_worker;
        grant insert on actum.events, actum.snapshots, actum.start_keys to actum_worker;
        grant insert (id, workflow_id, address, asked_by, step, kind, key, action_hash, arguments, preview, relies_on,
                      tier, rule, policy_hash, contract, team, requester, approvers, batch_id, asked_at, expires_at)
              on actum.approvals to actum_worker;
        grant update (closed, closed_at, used_at, used_epoch) on actum.approvals to actum_worker;
        grant execute on function actum.make_weeks to actum_worker;

        -- The console decides and leaves messages; it writes no snapshot, no effect and no event but a start's.
        grant insert, update on actum.messages, actum.questions, actum.freezes, actum.policies to actum_console;
        grant update (wake, run_at) on actum.workflows to actum_console;
        grant execute on function actum.decide_approval to actum_console;
    end if;
end
$$;
