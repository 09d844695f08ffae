(* The posterior of one step by the rule of Bayes, densities and normalisation included.
   a = sqrt(alpha_t), b = beta_t = 1 - a^2, s = sqrt(alpha_bar_{t-1}), so alpha_bar_t = (a s)^2. *)
Require Import Reals Lra Psatz.
Open Scope R_scope.

Definition density (m v x : R) : R := exp (- (x - m) ^ 2 / (2 * v)) / sqrt (2 * PI * v).

Definition posterior_is (mean : R -> R -> R -> R -> R) (variance : R -> R -> R) : Prop :=
  forall alpha alpha_bar x_0 x_s x_t : R, 0 < alpha < 1 -> 0 < alpha_bar < 1 ->
  density (sqrt alpha * x_s) (1 - alpha) x_t * density (sqrt alpha_bar * x_0) (1 - alpha_bar) x_s
    / density (sqrt (alpha * alpha_bar) * x_0) (1 - alpha * alpha_bar) x_t
  = density (mean alpha alpha_bar x_0 x_t) (variance alpha alpha_bar) x_s.

Definition mean_formula (alpha alpha_bar x_0 x_t : R) : R :=
  sqrt alpha_bar * (1 - alpha) / (1 - alpha * alpha_bar) * x_0
  + sqrt alpha * (1 - alpha_bar) / (1 - alpha * alpha_bar) * x_t.

Definition variance_formula (alpha alpha_bar : R) : R :=
  (1 - alpha_bar) / (1 - alpha * alpha_bar) * (1 - alpha).

Lemma root_nonzero : forall r, 0 < r -> sqrt (2 * PI * r) <> 0.
Proof.
  intros r Hr. assert (Pi := PI_RGT_0).
  apply Rgt_not_eq, sqrt_lt_R0. apply Rmult_lt_0_compat; lra.
Qed.

Theorem posterior_holds : posterior_is mean_formula variance_formula.
Proof.
  intros alpha alpha_bar x_0 x_s x_t Ha Hb.
  assert (Pi := PI_RGT_0).
  assert (Hw : 0 < 1 - alpha * alpha_bar) by nra.
  assert (Hq : 0 < variance_formula alpha alpha_bar).
  { unfold variance_formula. apply Rmult_lt_0_compat; [apply Rdiv_lt_0_compat; lra|lra]. }
  assert (nonneg : forall r, 0 < r -> 0 <= 2 * PI * r).
  { intros r Hr. apply Rlt_le. apply Rmult_lt_0_compat; lra. }
  assert (roots : sqrt (2 * PI * (1 - alpha)) * sqrt (2 * PI * (1 - alpha_bar))
    = sqrt (2 * PI * (1 - alpha * alpha_bar)) * sqrt (2 * PI * variance_formula alpha alpha_bar)).
  { rewrite <- !sqrt_mult by (apply nonneg; lra). f_equal. unfold variance_formula. field. lra. }
  rewrite (sqrt_mult alpha alpha_bar) by lra.
  assert (squares : sqrt alpha ^ 2 = alpha /\ sqrt alpha_bar ^ 2 = alpha_bar).
  { split; apply pow2_sqrt; lra. }
  destruct squares as [Sa Sb].
  unfold density, mean_formula.
  set (p := sqrt alpha) in *. set (q := sqrt alpha_bar) in *.
  set (E1 := - (x_t - p * x_s) ^ 2 / (2 * (1 - alpha))).
  set (E2 := - (x_s - q * x_0) ^ 2 / (2 * (1 - alpha_bar))).
  set (E3 := - (x_t - p * q * x_0) ^ 2 / (2 * (1 - alpha * alpha_bar))).
  set (E4 := - (x_s - _) ^ 2 / _).
  assert (exponents : E1 + E2 = E4 + E3).
  { unfold E1, E2, E3, E4, variance_formula. clearbody p q. rewrite <- Sa, <- Sb in *. field.
    repeat split; nra. }
  transitivity (exp (E1 + E2) / exp E3
    / (sqrt (2 * PI * (1 - alpha)) * sqrt (2 * PI * (1 - alpha_bar))
       / sqrt (2 * PI * (1 - alpha * alpha_bar)))).
  { rewrite exp_plus. assert (exp E3 <> 0) by apply Rgt_not_eq, exp_pos.
    field. repeat split; try apply root_nonzero; lra. }
  rewrite roots, exponents, exp_plus. assert (exp E3 <> 0) by apply Rgt_not_eq, exp_pos.
  field. repeat split; try apply root_nonzero; lra.
Qed.

(* Two normal densities that agree at 0 and at mean shifts cannot differ in mean or variance;
   one point is enough to refute each variant. *)
Lemma density_peak : forall m v w, 0 < v -> 0 < w -> density m v m = density m w m -> v = w.
Proof.
  intros m v w Hv Hw same. unfold density in same. assert (Pi := PI_RGT_0).
  replace (m - m) with 0 in same by ring.
  replace (- 0 ^ 2 / (2 * v)) with 0 in same by (field; lra).
  replace (- 0 ^ 2 / (2 * w)) with 0 in same by (field; lra).
  rewrite exp_0 in same. unfold Rdiv in same. rewrite !Rmult_1_l in same.
  assert (forall r, 0 < r -> 0 < 2 * PI * r) as pos by (intros; apply Rmult_lt_0_compat; lra).
  apply (f_equal Rinv) in same.
  rewrite !Rinv_inv in same.
  apply sqrt_inj in same; [nra|apply Rlt_le, pos; lra|apply Rlt_le, pos; lra].
Qed.

Theorem posterior_wrong_beta_for_beta_tilde :
  ~ posterior_is mean_formula (fun alpha _ => 1 - alpha).
Proof.
  intro claim. pose (c := mean_formula (1 / 2) (1 / 2) 0 0).
  assert (right := posterior_holds (1 / 2) (1 / 2) 0 c 0 ltac:(lra) ltac:(lra)).
  rewrite (claim (1 / 2) (1 / 2) 0 c 0 ltac:(lra) ltac:(lra)) in right.
  apply density_peak in right; unfold variance_formula in *; lra.
Qed.

Theorem posterior_wrong_no_root :
  ~ posterior_is (fun alpha alpha_bar x_0 x_t =>
      sqrt alpha_bar * (1 - alpha) / (1 - alpha * alpha_bar) * x_0
      + alpha * (1 - alpha_bar) / (1 - alpha * alpha_bar) * x_t) variance_formula.
Proof.
  intro claim.
  pose (c := mean_formula (1 / 4) (1 / 2) 0 1).
  assert (right := posterior_holds (1 / 4) (1 / 2) 0 c 1 ltac:(lra) ltac:(lra)).
  rewrite (claim (1 / 4) (1 / 2) 0 c 1 ltac:(lra) ltac:(lra)) in right.
  assert (Hv : 0 < variance_formula (1 / 4) (1 / 2)) by (unfold variance_formula; lra).
  unfold density in right. apply Rmult_eq_reg_r in right;
    [|apply Rinv_neq_0_compat, root_nonzero; assumption].
  apply exp_inv in right. unfold c, mean_formula, variance_formula in right.
  assert (root : sqrt (1 / 4) = 1 / 2).
  { replace (1 / 4) with ((1 / 2) * (1 / 2)) by lra. apply sqrt_square. lra. }
  rewrite root in right. lra.
Qed.
