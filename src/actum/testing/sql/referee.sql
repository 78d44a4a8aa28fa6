-- The referee: refuses, in a test's database, every move that the tables of the state machines do not hold.
-- The tables `moves` and `born` are filled from those of `actum.machine`; nothing is written here twice.

create schema actum_referee;

create table actum_referee.moves (
    machine text not null,
    before  text not null,
    move    text not null,
    after   text not null,
    primary key (machine, before, move)
);

-- The status before an event is not in the event: the referee keeps it for itself.
create table actum_referee.statuses (
    workflow_id uuid primary key,
    status      text not null
);

create function actum_referee.judge_events() returns trigger
language plpgsql security definer as $$
declare
    event record;
    standing text;
    following text;
begin
    for event in select f.workflow_id, f.seq, f.kind from fresh f order by f.workflow_id, f.seq loop
        select s.status into standing from actum_referee.statuses s where s.workflow_id = event.workflow_id;
        select m.after into following
          from actum_referee.moves m
         where m.machine = 'workflow' and m.before = coalesce(standing, '') and m.move = event.kind;
        if following is null then
            raise exception 'referee: % (event %) cannot follow % in workflow %',
                event.kind, event.seq, coalesce(standing, 'nothing'), event.workflow_id
                using errcode = 'AC001';
        end if;
        insert into actum_referee.statuses (workflow_id, status) values (event.workflow_id, following)
            on conflict (workflow_id) do update set status = excluded.status;
    end loop;
    return null;
end
$$;
create trigger referee after insert on actum.events
    referencing new table as fresh for each statement execute function actum_referee.judge_events();

create function actum_referee.refuse_edits() returns trigger
language plpgsql security definer as $$
begin
    raise exception 'referee: % is append-only, and % would change it', tg_table_name, lower(tg_op)
        using errcode = 'AC002';
end
$$;
create trigger referee_edits before update or delete on actum.events
    for each row execute function actum_referee.refuse_edits();
create trigger referee_edits before update or delete on actum.decisions
    for each row execute function actum_referee.refuse_edits();

create function actum_referee.judge_state() returns trigger
language plpgsql security definer as $$
declare
    standing text := case when tg_op = 'INSERT' then '' else old.state end;
begin
    if not exists (
        select from actum_referee.moves m
         where m.machine = tg_argv[0] and m.before = standing and m.move = new.state
    ) then
        raise exception 'referee: an % that is % cannot become % (workflow %, %)',
            tg_argv[0], coalesce(nullif(standing, ''), 'unwritten'), new.state, new.workflow_id, new.address
            using errcode = 'AC001';
    end if;
    return null;
end
$$;
create trigger referee_born after insert on actum.effects
    for each row execute function actum_referee.judge_state('effect');
-- A person may say what the result of an effect is that could not be kept: its state stays, and was judged before.
create trigger referee after update of state on actum.effects
    for each row when (not (old.state = 'succeeded' and new.state = 'succeeded' and old.result is null and new.result is not null))
    execute function actum_referee.judge_state('effect');
create trigger referee_born after insert on actum.approvals
    for each row execute function actum_referee.judge_state('approval');
create trigger referee after update on actum.approvals
    for each row when (old.state is distinct from new.state) execute function actum_referee.judge_state('approval');
