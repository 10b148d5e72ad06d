SELECT count(*) FILTER (WHERE name_before IS NULL) || ' added, ' || count(*) FILTER (WHERE name_after IS NULL) || ' removed, '
       || count(*) FILTER (WHERE name_before IS NOT NULL AND name_after IS NOT NULL) || ' changed, total '
       || (coalesce(sum(total_after), 0) - coalesce(sum(total_before), 0))::numeric(20, 2)
  FROM changed
