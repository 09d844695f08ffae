(* A sum of independent normal variables, twice: the variance, for every expectation that is linear,
   and the law, by the product of the densities under the convolution integral. *)
Require Import Reals Lra.
Open Scope R_scope.

Definition linear {W : Type} (E : (W -> R) -> R) : Prop :=
  (forall X Y, (forall w, X w = Y w) -> E X = E Y) /\
  (forall a b X Y, E (fun w => a * X w + b * Y w) = a * E X + b * E Y) /\
  E (fun _ => 1) = 1.

Definition cov {W : Type} (E : (W -> R) -> R) (X Y : W -> R) : R :=
  E (fun w => (X w - E X) * (Y w - E Y)).

(* Var(aX + bY), for X and Y without covariance, is this function of a, Var X, b, Var Y. *)
Definition variance_is (formula : R -> R -> R -> R -> R) : Prop :=
  forall (W : Type) (E : (W -> R) -> R) (X Y : W -> R) (a b : R),
  linear E -> cov E X Y = 0 ->
  cov E (fun w => a * X w + b * Y w) (fun w => a * X w + b * Y w)
    = formula a (cov E X X) b (cov E Y Y).

Theorem variance_holds : variance_is (fun a v b u => a ^ 2 * v + b ^ 2 * u).
Proof.
  intros W E X Y a b [ext [lin one]] uncorrelated. unfold cov in *.
  rewrite lin.
  set (m := E X) in *. set (n := E Y) in *.
  rewrite (ext _ (fun w =>
    1 * (a ^ 2 * ((X w - m) * (X w - m)) + (2 * a * b) * ((X w - m) * (Y w - n)))
    + b ^ 2 * ((Y w - n) * (Y w - n)))) by (intro; ring).
  rewrite (lin 1 (b ^ 2)
    (fun w => a ^ 2 * ((X w - m) * (X w - m)) + (2 * a * b) * ((X w - m) * (Y w - n)))).
  rewrite lin, uncorrelated. ring.
Qed.

(* One fair coin. *)
Definition coin (f : bool -> R) : R := (f true + f false) / 2.
Definition flip (w : bool) : R := if w then 1 else -1.

Lemma coin_linear : linear coin.
Proof.
  unfold linear, coin. repeat split; intros; try rewrite !H; field.
Qed.

Theorem variance_wrong_weights_not_squared :
  ~ variance_is (fun a v b u => a * v + b * u).
Proof.
  intro claim.
  specialize (claim bool coin flip (fun _ => 0) 2 0 coin_linear).
  unfold cov, coin, flip in claim. lra.
Qed.

Theorem variance_wrong_deviations_added :
  ~ variance_is (fun a v b u => (a * sqrt v + b * sqrt u) ^ 2).
Proof.
  intro claim.
  pose (E := fun f : bool * bool -> R =>
    (f (true, true) + f (true, false) + f (false, true) + f (false, false)) / 4).
  assert (L : linear E).
  { unfold linear, E. repeat split; intros; try rewrite !H; field. }
  specialize (claim _ E (fun w => flip (fst w)) (fun w => flip (snd w)) 1 1 L).
  unfold cov, E, flip in claim. simpl in claim.
  assert (Z : (1 - (1 + 1 + -1 + -1) / 4) * (1 - (1 + -1 + 1 + -1) / 4) = 1) by field.
  match type of claim with _ -> _ = (1 * sqrt ?v + 1 * sqrt ?u) * _ =>
    replace v with 1 in claim by field; replace u with 1 in claim by field end.
  rewrite sqrt_1 in claim. lra.
Qed.

Definition density (m v x : R) : R := exp (- (x - m) ^ 2 / (2 * v)) / sqrt (2 * PI * v).

(* The densities at x and z - x are that of z, times a density of x (of total mass 1). *)
Definition law_is (mean variance : R -> R -> R) : Prop :=
  forall m u v w x z : R, 0 < v -> 0 < w ->
  density m v x * density u w (z - x)
    = density (mean m u) (variance v w) z
      * density (m + v / (v + w) * (z - m - u)) (v * w / (v + w)) x.

Theorem law_holds : law_is (fun m u => m + u) (fun v w => v + w).
Proof.
  intros m u v w x z Hv Hw. unfold density.
  assert (Pi := PI_RGT_0).
  assert (Hs : 0 < v + w) by lra.
  assert (Hq : 0 < v * w / (v + w)).
  { apply Rdiv_lt_0_compat; [apply Rmult_lt_0_compat; assumption|assumption]. }
  assert (roots : sqrt (2 * PI * v) * sqrt (2 * PI * w)
    = sqrt (2 * PI * (v + w)) * sqrt (2 * PI * (v * w / (v + w)))).
  { assert (nonneg : forall r, 0 < r -> 0 <= 2 * PI * r).
    { intros r Hr. apply Rlt_le. apply Rmult_lt_0_compat; lra. }
    rewrite <- !sqrt_mult by (apply nonneg; assumption). f_equal. field.
    apply Rgt_not_eq; assumption. }
  assert (positive : forall r, 0 < r -> sqrt (2 * PI * r) <> 0).
  { intros r Hr. apply Rgt_not_eq, sqrt_lt_R0. apply Rmult_lt_0_compat; lra. }
  transitivity (exp (- (x - m) ^ 2 / (2 * v)) * exp (- (z - x - u) ^ 2 / (2 * w))
    / (sqrt (2 * PI * v) * sqrt (2 * PI * w))).
  { field. split; apply positive; assumption. }
  rewrite roots, <- exp_plus.
  replace (- (x - m) ^ 2 / (2 * v) + - (z - x - u) ^ 2 / (2 * w)) with
    (- (z - (m + u)) ^ 2 / (2 * (v + w))
     + - (x - (m + v / (v + w) * (z - m - u))) ^ 2 / (2 * (v * w / (v + w)))) by (field; lra).
  rewrite exp_plus. field. split; apply positive; assumption.
Qed.

Lemma density_positive : forall m v x, 0 < v -> 0 < density m v x.
Proof.
  intros. unfold density. assert (Pi := PI_RGT_0).
  apply Rdiv_lt_0_compat; [apply exp_pos|apply sqrt_lt_R0; apply Rmult_lt_0_compat; lra].
Qed.

Theorem law_wrong_means_subtracted : ~ law_is (fun m u => m - u) (fun v w => v + w).
Proof.
  intro claim.
  assert (right := law_holds 0 1 1 1 0 1 Rlt_0_1 Rlt_0_1).
  rewrite (claim 0 1 1 1 0 1 Rlt_0_1 Rlt_0_1) in right.
  apply Rmult_eq_reg_r in right; [|apply Rgt_not_eq, density_positive; lra].
  unfold density in right. apply Rmult_eq_reg_r in right;
    [|apply Rinv_neq_0_compat, Rgt_not_eq, sqrt_lt_R0; assert (Pi := PI_RGT_0); lra].
  apply exp_inv in right. lra.
Qed.
