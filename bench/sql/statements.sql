SELECT format('%8s %9s %9s %9s %10s %10s  %s', 'share', 'ms', 'plan ms', 'calls', 'us a call', 'rows', 'statement')
UNION ALL
(SELECT format('%7s%% %9s %9s %9s %10s %10s  %s',
               round((100 * total_exec_time / nullif(max(total_exec_time) OVER (), 0))::numeric, 1),
               round(total_exec_time::numeric, 1), round(total_plan_time::numeric, 1), calls,
               round((1000 * total_exec_time / calls)::numeric, 1), rows,
               CASE WHEN toplevel THEN '' ELSE '(in a function) ' END || left(regexp_replace(query, '\s+', ' ', 'g'), 400))
  FROM pg_stat_statements
 WHERE calls > 0 AND query NOT LIKE '%pg_stat_statements%'
 ORDER BY total_exec_time DESC
 LIMIT 60)
