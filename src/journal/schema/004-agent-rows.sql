-- An agent's rows are those of its own migration: a row that merely carries its role's name could stand where another
-- migration's agent should report.
alter policy agent_own on journal.agent_goal
  using (agent_role = current_user and agent_role = 'drawbridge_agent_' || migration_id);
alter policy agent_own on journal.agent_state
  using (agent_role = current_user and agent_role = 'drawbridge_agent_' || migration_id);
